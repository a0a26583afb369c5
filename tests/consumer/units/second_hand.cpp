#include <cstdio>
#include <string>

import greeter; // re-exports mio

int main() {
    auto poll = mio::Poll::create();
    if (!poll) return 1;
    const auto heard = greeter::echo(*poll, "hello");
    if (!heard || *heard != "hello") return 2;
    std::puts("heard through the other module");
}
