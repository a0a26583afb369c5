#include <cstdio>
#include <string>

import greeter; // re-exports mio

int with_no_header();
int with_many_headers();

int main() {
    auto poll = mio::Poll::create();
    if (!poll) return 1;
    const auto heard = greeter::echo(*poll, "hello");
    if (!heard || *heard != "hello") return 2;
    if (with_no_header() != 0) return 3;
    if (with_many_headers() != 0) return 4;
    std::puts("all units agree");
}
