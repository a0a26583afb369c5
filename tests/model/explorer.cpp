#include "explorer.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unordered_set>
#include <utility>
#include <vector>

namespace model {
namespace {

using Kind = Instruction::Kind;

struct State {
    Memory memory;
    Variables shared{};
    std::array<Variables, max_threads> local{};
    std::array<std::uint16_t, max_threads> at{}; // the next instruction of each thread
    std::array<bool, max_threads> has_started{};
};

// One step of an execution, to be printed.
struct Taken {
    std::size_t thread = 0;
    const Instruction* instruction = nullptr;
    int before = -1; // the value that was read, or the outcome
    int after = -1;  // the value that was written
    bool is_old = false;
};

struct Fingerprint {
    std::uint64_t first, second;
    bool operator==(const Fingerprint&) const = default;
};
struct HashFingerprint {
    std::size_t operator()(const Fingerprint& f) const { return static_cast<std::size_t>(f.first); }
};

std::uint64_t mix(std::uint64_t x) {
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

Fingerprint fingerprint(const std::vector<std::uint8_t>& bytes) {
    Fingerprint f{bytes.size(), ~bytes.size()};
    for (std::size_t i = 0; i < bytes.size(); i += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data() + i, std::min<std::size_t>(8, bytes.size() - i));
        f.first = mix(f.first ^ word) + 0x9e3779b97f4a7c15u;
        f.second = mix(std::rotl(f.second, 23) + word * 0xd6e8feb86659fd93u);
    }
    return f;
}

class Explorer {
  public:
    Explorer(const Model& model, std::size_t most_states) : model_(model), most_states_(most_states) {}

    Result run() {
        for (const auto& thread : model_.threads) used_.push_back(used_from(thread.program.code()));
        std::vector<Value> initial;
        for (const auto& location : model_.locations) initial.push_back(location.initial);
        State state;
        state.memory = Memory(model_.threads.size(), initial);
        state.shared = model_.shared;
        for (std::size_t t = 0; t < model_.threads.size(); ++t) {
            state.has_started[t] = model_.threads[t].kind != ThreadModel::Kind::late;
            if (!state.has_started[t]) state.memory.exclude(static_cast<Thread>(t));
        }
        for (std::size_t t = 0; t < model_.threads.size(); ++t) {
            if (state.has_started[t]) settle(state, t);
        }
        visit(std::move(state));
        return {.states = visited_.size(), .counterexample = std::move(counterexample_)};
    }

  private:
    [[nodiscard]] const std::vector<Instruction>& code(std::size_t t) const {
        return model_.threads[t].program.code();
    }
    [[nodiscard]] bool has_ended(const State& state, std::size_t t) const {
        return state.at[t] == code(t).size();
    }

    // For each instruction, the locations that it or a later one accesses.
    static std::vector<std::uint32_t> used_from(const std::vector<Instruction>& code) {
        std::vector<std::uint32_t> used(code.size() + 1);
        for (bool has_changed = true; std::exchange(has_changed, false);) {
            for (std::size_t i = code.size(); i-- != 0;) {
                const auto& instruction = code[i];
                std::uint32_t now = instruction.kind == Kind::jump ? 0 : used[i + 1];
                if (instruction.kind == Kind::jump || instruction.kind == Kind::jump_unless) {
                    now |= used[instruction.target];
                } else if (instruction.kind != Kind::step && instruction.kind != Kind::compute) {
                    now |= 1u << instruction.location;
                }
                has_changed |= std::exchange(used[i], now) != now;
            }
        }
        return used;
    }

    // Runs what concerns the thread alone.
    void settle(State& state, std::size_t t) {
        Context context{state.local[t], state.shared};
        while (!has_ended(state, t)) {
            const auto& instruction = code(t)[state.at[t]];
            if (instruction.kind == Kind::compute) {
                instruction.action(context, 0);
                ++state.at[t];
            } else if (instruction.kind == Kind::jump) {
                state.at[t] = static_cast<std::uint16_t>(instruction.target);
            } else if (instruction.kind == Kind::write_own) {
                state.memory.write_own(static_cast<Thread>(t), instruction.location,
                                       instruction.value(context, 0));
                ++state.at[t];
            } else if (instruction.kind == Kind::read_oldest) {
                instruction.value(context, state.memory.oldest(static_cast<Thread>(t), instruction.location));
                ++state.at[t];
            } else if (instruction.kind == Kind::jump_unless) {
                state.at[t] = static_cast<std::uint16_t>(instruction.condition(context) ? state.at[t] + 1u
                                                                                        : instruction.target);
            } else {
                break;
            }
        }
        if (context.failure != nullptr) report(context.failure);
        if (has_ended(state, t)) {
            state.local[t] = {};
            state.memory.finish(static_cast<Thread>(t));
        }
    }

    void visit(State&& state) {
        std::array<std::uint32_t, max_threads> used{};
        for (std::size_t t = 0; t < model_.threads.size(); ++t) used[t] = used_[t][state.at[t]];
        state.memory.compact(used);
        bytes_.clear();
        state.memory.append_to(bytes_);
        bytes_.insert(bytes_.end(), state.shared.begin(), state.shared.end());
        for (std::size_t t = 0; t < model_.threads.size(); ++t) {
            bytes_.push_back(static_cast<std::uint8_t>(state.at[t]));
            bytes_.push_back(static_cast<std::uint8_t>(state.at[t] >> 8));
            bytes_.push_back(state.has_started[t]);
            bytes_.insert(bytes_.end(), state.local[t].begin(), state.local[t].end());
        }
        if (!visited_.insert(fingerprint(bytes_)).second) return;
        if (visited_.size() > most_states_) {
            std::fprintf(stderr, "more than %zu states\n", most_states_);
            std::abort();
        }

        bool can_step = false;
        for (std::size_t t = 0; t < model_.threads.size() && counterexample_.empty(); ++t) {
            if (state.has_started[t] && !has_ended(state, t)) can_step |= step(state, t);
        }
        if (can_step || !counterexample_.empty()) return;
        end(state);
        for (std::size_t t = 0; t < model_.threads.size() && counterexample_.empty(); ++t) {
            if (state.has_started[t]) continue;
            State next = state;
            next.has_started[t] = true;
            next.memory.start_after_all(static_cast<Thread>(t));
            settle(next, t);
            visit(std::move(next));
        }
    }

    // No thread can take a step, but for those that start late.
    void end(const State& state) {
        for (std::size_t t = 0; t < model_.threads.size(); ++t) {
            if (state.has_started[t] && !has_ended(state, t)
                && model_.threads[t].kind != ThreadModel::Kind::daemon) {
                return report(model_.threads[t].name + " waits for ever");
            }
        }
        if (!model_.check_end) return;
        if (auto wrong = model_.check_end(state.shared)) report(*wrong);
    }

    // Every step that the thread can take from `state`; false if there is none.
    bool step(const State& state, std::size_t t) {
        const auto& instruction = code(t)[state.at[t]];
        const auto thread = static_cast<Thread>(t);
        const auto l = instruction.location;
        const auto last = state.memory.size(l) - 1;
        switch (instruction.kind) {
        case Kind::load:
            for (std::size_t i = state.memory.first_readable(thread, l); i <= last; ++i)
                load(state, t, i, instruction.order);
            return true;
        case Kind::store:
            for (std::size_t i = state.memory.first_readable(thread, l); i <= last; ++i) {
                const auto index = static_cast<Index>(i);
                if (!state.memory.is_free_behind(l, index)) continue;
                take(state, t, {.is_old = i != last}, [&](State& next, Context& context, Taken& taken) {
                    const auto value = instruction.value(context, 0);
                    taken.after = value;
                    return next.memory.write_behind(thread, l, index, value, instruction.order);
                });
            }
            return true;
        case Kind::update:
            for (std::size_t i = state.memory.first_readable(thread, l); i <= last; ++i) update(state, t, i);
            return true;
        case Kind::compare_exchange: {
            const auto expected = instruction.expected(state.local[t]);
            for (std::size_t i = state.memory.first_readable(thread, l); i <= last; ++i) {
                if (state.memory.value(l, static_cast<Index>(i)) == expected) {
                    update(state, t, i);
                } else {
                    load(state, t, i, instruction.failure_order);
                }
            }
            return true;
        }
        case Kind::plain:
            take(state, t, {}, [&](State& next, Context& context, Taken& taken) {
                const auto old = next.memory.value(l, static_cast<Index>(last));
                taken.before = old;
                const auto value = instruction.value(context, old);
                taken.after = value;
                if (!next.memory.plain(thread, l, value)) context.fail("data race");
                return true;
            });
            return true;
        case Kind::step: {
            State now = state;
            Context current{now.local[t], now.shared};
            if (instruction.condition && !instruction.condition(current)) return false;
            const int outcomes = instruction.outcomes ? instruction.outcomes(current) : 1;
            for (int outcome = 0; outcome < outcomes; ++outcome) {
                take(state, t, {.before = outcome}, [&](State& next, Context& context, Taken&) {
                    if (instruction.sync) next.memory.acquire(thread, *instruction.sync);
                    instruction.action(context, outcome);
                    if (instruction.sync) next.memory.release(thread, *instruction.sync);
                    return true;
                });
            }
            return true;
        }
        default: return false;
        }
    }

    void load(const State& state, std::size_t t, std::size_t i, Order order) {
        const auto& instruction = code(t)[state.at[t]];
        take(state, t, {.is_old = i + 1 != state.memory.size(instruction.location)},
             [&](State& next, Context& context, Taken& taken) {
                 const auto value = next.memory.value(instruction.location, static_cast<Index>(i));
                 taken.before = value;
                 if (instruction.kind == Kind::load) instruction.value(context, value);
                 if (instruction.seen) context.local[*instruction.seen] = value;
                 return next.memory.read(static_cast<Thread>(t), instruction.location, static_cast<Index>(i),
                                         order);
             });
    }

    void update(const State& state, std::size_t t, std::size_t i) {
        const auto& instruction = code(t)[state.at[t]];
        const auto index = static_cast<Index>(i);
        if (!state.memory.is_free_behind(instruction.location, index)) return;
        take(state, t, {.is_old = i + 1 != state.memory.size(instruction.location)},
             [&](State& next, Context& context, Taken& taken) {
                 const auto old = next.memory.value(instruction.location, index);
                 taken.before = old;
                 const auto value = instruction.value(context, old);
                 taken.after = value;
                 return next.memory.update(static_cast<Thread>(t), instruction.location, index, value,
                                           instruction.order);
             });
    }

    // `act` returns false if there is no such execution.
    template <class F> void take(const State& state, std::size_t t, Taken taken, F&& act) {
        if (!counterexample_.empty()) return;
        State next = state;
        Context context{next.local[t], next.shared};
        taken.thread = t;
        taken.instruction = &code(t)[state.at[t]];
        if (!act(next, context, taken)) return;
        path_.push_back(taken);
        if (context.failure != nullptr) report(context.failure);
        ++next.at[t];
        settle(next, t);
        if (counterexample_.empty()) visit(std::move(next));
        path_.pop_back();
    }

    void report(const std::string& what) {
        if (!counterexample_.empty()) return;
        counterexample_ = what + "\n";
        for (const auto& taken : path_) {
            const auto& instruction = *taken.instruction;
            counterexample_ += "  " + model_.threads[taken.thread].name + ": " + instruction.name;
            if (instruction.kind == Kind::step) {
                if (instruction.outcomes) counterexample_ += " -> outcome " + std::to_string(taken.before);
            } else {
                if (taken.before >= 0) counterexample_ += " reads " + std::to_string(taken.before);
                if (taken.after >= 0) counterexample_ += " writes " + std::to_string(taken.after);
                if (taken.is_old)
                    counterexample_ += taken.after >= 0 ? " (before newer writes)" : " (not the newest)";
            }
            counterexample_ += "\n";
        }
    }

    const Model& model_;
    const std::size_t most_states_;
    std::vector<std::vector<std::uint32_t>> used_;
    std::unordered_set<Fingerprint, HashFingerprint> visited_;
    std::vector<std::uint8_t> bytes_;
    std::vector<Taken> path_;
    std::string counterexample_;
};

} // namespace

Result explore(const Model& model, std::size_t most_states) { return Explorer(model, most_states).run(); }

} // namespace model
