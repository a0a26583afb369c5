//! Rust's Mio for mio-bench: its `Poll`, `SourceFd` and `Waker` behind a C interface, see mio_rs.hpp. A negative result is
//! an error number of the system, negated.

use std::os::raw::c_int;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};

pub struct Loop {
    poll: Poll,
    events: Events,
}

// Errors of Mio itself have no number and become EINVAL.
fn number_of(error: std::io::Error) -> c_int {
    -error.raw_os_error().unwrap_or(22)
}

fn answer(result: std::io::Result<()>) -> c_int {
    result.map_or_else(number_of, |()| 0)
}

/// Null: the system refused, as `errno` says.
#[no_mangle]
pub extern "C" fn mio_rs_new(capacity: usize) -> *mut Loop {
    match Poll::new() {
        Ok(poll) => Box::into_raw(Box::new(Loop {
            poll,
            events: Events::with_capacity(capacity),
        })),
        Err(_) => std::ptr::null_mut(),
    }
}

/// # Safety
/// `this` comes from `mio_rs_new`, and is not used again.
#[no_mangle]
pub unsafe extern "C" fn mio_rs_free(this: *mut Loop) {
    drop(Box::from_raw(this));
}

#[no_mangle]
pub extern "C" fn mio_rs_add(this: &Loop, descriptor: c_int, token: usize) -> c_int {
    answer(this.poll.registry().register(
        &mut SourceFd(&descriptor),
        Token(token),
        Interest::READABLE,
    ))
}

#[no_mangle]
pub extern "C" fn mio_rs_remove(this: &Loop, descriptor: c_int) -> c_int {
    answer(this.poll.registry().deregister(&mut SourceFd(&descriptor)))
}

/// Polls, without end if `limit_ms` is below 0, and writes the tokens of the events. Returns their number.
///
/// # Safety
/// `tokens` has the capacity passed to `mio_rs_new`.
#[no_mangle]
pub unsafe extern "C" fn mio_rs_poll(this: &mut Loop, limit_ms: i64, tokens: *mut usize) -> c_int {
    let limit = u64::try_from(limit_ms).ok().map(Duration::from_millis);
    if let Err(error) = this.poll.poll(&mut this.events, limit) {
        return number_of(error);
    }
    let mut count = 0;
    for event in &this.events {
        *tokens.add(count) = event.token().0;
        count += 1;
    }
    count as c_int
}

/// Null: the system refused, as `errno` says.
#[no_mangle]
pub extern "C" fn mio_rs_waker_new(this: &Loop, token: usize) -> *mut Waker {
    match Waker::new(this.poll.registry(), Token(token)) {
        Ok(waker) => Box::into_raw(Box::new(waker)),
        Err(_) => std::ptr::null_mut(),
    }
}

/// # Safety
/// `waker` comes from `mio_rs_waker_new`, and is not used again.
#[no_mangle]
pub unsafe extern "C" fn mio_rs_waker_free(waker: *mut Waker) {
    drop(Box::from_raw(waker));
}

#[no_mangle]
pub extern "C" fn mio_rs_wake(waker: &Waker) -> c_int {
    answer(waker.wake())
}
