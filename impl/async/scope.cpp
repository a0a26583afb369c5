module mio.async.loop;

import mio.core.error;
import mio.std;

namespace mio::async {

std::error_code canceled_error() noexcept { return os_error(std::errc::operation_canceled); }

Scope::~Scope() {
    // Scopes that outlive it, such as a group's, stop being a part of it.
    hooks_.for_each([](Hook& hook) {
        if (hook.kind != Kind::operation) static_cast<Scope&>(hook).parent_ = nullptr;
    });
}

// Without recursion: the hooks of a scope inside take its place in the list.
void Scope::cancel() noexcept {
    List<Hook, CancelTag> pending;
    is_cancelled_ = true;
    pending.take_front(hooks_);
    while (!pending.empty()) {
        Hook& hook = pending.pop_front();
        if (hook.kind == Kind::operation) {
            hook.on_cancel(hook);
            continue;
        }
        auto& scope = static_cast<Scope&>(hook);
        scope.parent_->hooks_.push_back(scope); // still listed
        if (hook.kind == Kind::shield || scope.is_cancelled_) continue;
        scope.is_cancelled_ = true;
        pending.take_front(scope.hooks_);
    }
}

// Whether `other` is this scope or nested in it, so that cancelling this scope cancels `other`.
bool Scope::contains(const Scope& other) const noexcept {
    for (const Scope* scope = &other; scope != nullptr; scope = scope->parent_) {
        if (scope == this) return true;
        if (scope->other_parent_ != nullptr && contains(*scope->other_parent_)) return true;
        if (scope->kind == Kind::shield) break;
    }
    return false;
}

// That is so if a cancelled scope contains both.
bool Scope::is_cancelled_with(const Scope& other) const noexcept {
    for (const Scope* scope = this; scope != nullptr; scope = scope->parent_) {
        if (scope->is_cancelled_ && scope->contains(other)) return true;
        if (scope->other_parent_ != nullptr && scope->other_parent_->is_cancelled_with(other)) return true;
        if (scope->kind == Kind::shield) break;
    }
    return false;
}

void destroy_chain(Frame& frame) noexcept {
    Frame* inner = &frame;
    while (inner->child != nullptr) inner = inner->child;
    while (inner != &frame) {
        Frame* const parent = inner->parent;
        parent->child = nullptr;
        *inner->owner = nullptr; // the task would destroy it again
        inner->coroutine.destroy();
        inner = parent;
    }
    frame.coroutine.destroy();
}

} // namespace mio::async
