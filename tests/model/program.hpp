// The programs of a model's threads: memory operations, system calls and structured control flow.
//
// Only memory operations and steps are points at which another thread may run. What a thread does with its own
// variables and data belongs to the operation before it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "memory.hpp"

namespace model {

using Variables = std::array<Value, 32>;

/// The variables that an operation may use besides memory.
struct Context {
    Variables& local;  // of the thread
    Variables& shared; // outside of memory, always up to date: the kernel's, and those of properties
    const char* failure = nullptr;

    /// The property does not hold.
    void fail(const char* what) { failure = what; }
};

struct Instruction {
    enum class Kind {
        load,
        store,
        update,
        compare_exchange,
        plain,
        step,
        write_own,
        read_oldest,
        compute,
        jump_unless,
        jump
    };

    Kind kind = Kind::compute;
    std::string name{};
    Location location = 0;
    Order order = Order::relaxed;
    Order failure_order = Order::relaxed;
    std::function<Value(Context&, Value)> value{};     // takes what is read, returns what is to be written
    std::function<Value(const Variables&)> expected{}; // by a compare_exchange
    std::function<bool(const Context&)> condition{};   // of jump_unless, or for a step to run
    std::function<int(const Context&)> outcomes{};     // the number of outcomes of a step
    std::function<void(Context&, int)> action{};       // of a step with one of its outcomes
    std::optional<Sync> sync{};                        // what a step acquires and releases
    std::optional<std::size_t> seen{}; // the variable that keeps what a failed compare_exchange reads
    std::size_t target = 0;            // of a jump
};

class Program {
  public:
    using Condition = std::function<bool(const Context&)>;
    using Block = std::function<void()>;

    /// A fresh variable of the thread, 0 at first.
    [[nodiscard]] std::size_t variable() { return variables_++; }

    void load(std::string name, Location l, Order order, std::size_t result) {
        add({.kind = Instruction::Kind::load,
             .name = std::move(name),
             .location = l,
             .order = order,
             .value = [result](Context& c, Value v) { return c.local[result] = v; }});
    }
    void store(std::string name, Location l, Order order, Value value) {
        add({.kind = Instruction::Kind::store,
             .name = std::move(name),
             .location = l,
             .order = order,
             .value = [value](Context&, Value) { return value; }});
    }
    void store(std::string name, Location l, Order order, std::function<Value(Context&)> value) {
        add({.kind = Instruction::Kind::store,
             .name = std::move(name),
             .location = l,
             .order = order,
             .value = [value](Context& c, Value) { return value(c); }});
    }
    /// A read-modify-write. A loop of compare_exchange_weak is one, too: its failures read what a load could have.
    void update(std::string name, Location l, Order order, std::function<Value(Context&, Value)> value) {
        add({.kind = Instruction::Kind::update,
             .name = std::move(name),
             .location = l,
             .order = order,
             .value = std::move(value)});
    }
    void exchange(std::string name, Location l, Order order, Value value) {
        update(std::move(name), l, order, [value](Context&, Value) { return value; });
    }
    /// compare_exchange_strong. `value` runs on success; a failure leaves what it read in `seen`.
    void compare_exchange(std::string name, Location l, Order order, Order failure_order,
                          std::function<Value(const Variables&)> expected,
                          std::function<Value(Context&, Value)> value, std::optional<std::size_t> seen = {}) {
        add({.kind = Instruction::Kind::compare_exchange,
             .name = std::move(name),
             .location = l,
             .order = order,
             .failure_order = failure_order,
             .value = std::move(value),
             .expected = std::move(expected),
             .seen = seen});
    }
    /// An access to an object that is not atomic.
    void plain(std::string name, Location l, std::function<Value(Context&, Value)> value) {
        add({.kind = Instruction::Kind::plain,
             .name = std::move(name),
             .location = l,
             .value = std::move(value)});
    }

    /// Something atomic outside of memory, such as a system call, with one of several outcomes. It blocks until
    /// `condition` holds.
    void step(std::string name, std::optional<Sync> sync, Condition condition,
              std::function<int(const Context&)> outcomes, std::function<void(Context&, int)> action) {
        add({.kind = Instruction::Kind::step,
             .name = std::move(name),
             .condition = std::move(condition),
             .outcomes = std::move(outcomes),
             .action = std::move(action),
             .sync = sync});
    }
    void lock(std::string name, Sync s, std::size_t is_locked) {
        step(
            std::move(name), s, [is_locked](const Context& c) { return c.shared[is_locked] == 0; }, {},
            [is_locked](Context& c, int) { c.shared[is_locked] = 1; });
    }
    void unlock(std::string name, Sync s, std::size_t is_locked) {
        step(std::move(name), s, {}, {}, [is_locked](Context& c, int) { c.shared[is_locked] = 0; });
    }

    /// A relaxed store to a location whose oldest value is all that the other threads check.
    void write_own(Location l, Value value) {
        add({.kind = Instruction::Kind::write_own, .location = l, .value = [value](Context&, Value) {
                 return value;
             }});
    }
    /// A relaxed load with the worst outcome. `use` takes the value.
    void read_oldest(Location l, std::function<Value(Context&, Value)> use) {
        add({.kind = Instruction::Kind::read_oldest, .location = l, .value = std::move(use)});
    }
    void compute(std::function<void(Context&)> action) {
        add({.kind = Instruction::Kind::compute, .action = [action](Context& c, int) { action(c); }});
    }
    void when(Condition condition, const Block& then, const Block& otherwise = {}) {
        const auto branch = add({.kind = Instruction::Kind::jump_unless, .condition = std::move(condition)});
        then();
        if (otherwise) {
            const auto end = add({.kind = Instruction::Kind::jump});
            code_[branch].target = code_.size();
            otherwise();
            code_[end].target = code_.size();
        } else {
            code_[branch].target = code_.size();
        }
    }
    void forever(const Block& body) {
        const auto begin = here();
        body();
        go(begin);
    }

    /// The index of the next instruction, for `go`.
    [[nodiscard]] std::size_t here() const { return code_.size(); }
    void go(std::size_t place) { add({.kind = Instruction::Kind::jump, .target = place}); }

    [[nodiscard]] const std::vector<Instruction>& code() const { return code_; }

  private:
    std::size_t add(Instruction instruction) {
        code_.push_back(std::move(instruction));
        return code_.size() - 1;
    }

    std::vector<Instruction> code_;
    std::size_t variables_ = 0;
};

} // namespace model
