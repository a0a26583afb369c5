// Explores every execution of a model.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "memory.hpp"
#include "program.hpp"

namespace model {

struct ThreadModel {
    enum class Kind {
        normal, // has to reach its end
        daemon, // may be left waiting in a step for ever
        late,   // starts when no other thread can take a step any more, and knows of all that
    };
    std::string name{};
    Program program{};
    Kind kind = Kind::normal;
};

struct Model {
    struct Atomic {
        std::string name;
        Value initial = 0;
    };
    std::vector<Atomic> locations;
    std::vector<ThreadModel> threads;
    Variables shared{};
    /// Checks the end of an execution, also where only late threads are left: returns what is wrong with it.
    std::function<std::optional<std::string>(const Variables& shared)> check_end;

    [[nodiscard]] Location atomic(std::string name, Value initial = 0) {
        locations.push_back({std::move(name), initial});
        return static_cast<Location>(locations.size() - 1);
    }
};

struct Result {
    std::size_t states = 0;
    /// Why the model is wrong, and the execution that shows it; empty if every execution is right.
    std::string counterexample;
};

/// Ends the program if there are more than `most_states`.
[[nodiscard]] Result explore(const Model&, std::size_t most_states = 20'000'000);

} // namespace model
