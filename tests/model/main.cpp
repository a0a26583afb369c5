// The main function of the models, which prints what was explored, for tools/nightly.

#include <gtest/gtest.h>

#include <cstdio>

#include "explorer.hpp"

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    const auto status = RUN_ALL_TESTS();
    const auto [models, states] = model::explored();
    if (models != 0) {
        const auto& test = *testing::UnitTest::GetInstance();
        std::printf("model: %d cases, %llu models, %llu states, %d failures\n", test.test_to_run_count(),
                    static_cast<unsigned long long>(models), static_cast<unsigned long long>(states),
                    test.failed_test_count());
    }
    return status;
}
