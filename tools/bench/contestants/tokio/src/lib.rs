//! Tokio's coroutines for mio-bench, on a runtime of one thread, behind a C interface; see mio_bench_tokio.hpp. A result
//! below 0 is an error number of the system, negated.

use std::hint::black_box;
use std::io;
use std::os::raw::c_int;
use std::os::unix::io::FromRawFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::timeout;

/// Null: the system refused, as `errno` says.
#[no_mangle]
pub extern "C" fn mio_bench_tokio_new() -> *mut Runtime {
    match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => Box::into_raw(Box::new(runtime)),
        Err(_) => std::ptr::null_mut(),
    }
}

/// # Safety
/// `this` comes from `mio_bench_tokio_new`, and is not used again.
#[no_mangle]
pub unsafe extern "C" fn mio_bench_tokio_free(this: *mut Runtime) {
    drop(Box::from_raw(this));
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 1024];
    loop {
        let got = stream.read(&mut buffer).await?;
        if got == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..got]).await?;
    }
}

async fn serve(listener: std::net::TcpListener, connections: u64) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    // Ends when all connections have dropped their sender.
    let (alive, mut gone) = mpsc::channel::<()>(1);
    for _ in 0..connections {
        let (stream, _) = listener.accept().await?;
        let alive = alive.clone();
        tokio::spawn(async move {
            let _ended = echo(stream).await;
            drop(alive);
        });
    }
    drop(alive);
    gone.recv().await;
    Ok(())
}

/// # Safety
/// `listener` is the descriptor of a listening socket, which this call closes.
#[no_mangle]
pub unsafe extern "C" fn mio_bench_tokio_serve(
    this: &Runtime,
    listener: c_int,
    connections: u64,
) -> c_int {
    let listener = std::net::TcpListener::from_raw_fd(listener);
    match this.block_on(serve(listener, connections)) {
        Ok(()) => 0,
        // Errors of Tokio itself have no number and become EINVAL.
        Err(error) => -error.raw_os_error().unwrap_or(22),
    }
}

async fn same(number: u64) -> u64 {
    number
}

// `black_box`, since the compiler would calculate the sums.
#[no_mangle]
pub extern "C" fn mio_bench_tokio_await(this: &Runtime, count: u64) -> u64 {
    this.block_on(async {
        let mut sum = 0;
        for i in 0..count {
            sum += same(black_box(i)).await;
        }
        sum
    })
}

#[no_mangle]
pub extern "C" fn mio_bench_tokio_spawn(this: &Runtime, count: u64, batch: u64) -> u64 {
    let ended = Arc::new(AtomicU64::new(0));
    this.block_on(async {
        let mut spawned = 0;
        while spawned < count {
            for _ in 0..batch.min(count - spawned) {
                let ended = ended.clone();
                tokio::spawn(async move {
                    ended.fetch_add(1, Ordering::Relaxed);
                });
                spawned += 1;
            }
            while ended.load(Ordering::Relaxed) < spawned {
                yield_now().await;
            }
        }
    });
    ended.load(Ordering::Relaxed)
}

#[no_mangle]
pub extern "C" fn mio_bench_tokio_timeout(this: &Runtime, count: u64) -> u64 {
    this.block_on(async {
        let mut sum = 0;
        for i in 0..count {
            if let Ok(number) = timeout(Duration::from_secs(30), same(black_box(i))).await {
                sum += number;
            }
        }
        sum
    })
}

#[no_mangle]
pub extern "C" fn mio_bench_tokio_channel(this: &Runtime, count: u64, capacity: usize) -> u64 {
    this.block_on(async {
        let (sender, mut receiver) = mpsc::channel(capacity);
        tokio::spawn(async move {
            for i in 0..count {
                if sender.send(i).await.is_err() {
                    return;
                }
            }
        });
        let mut sum = 0;
        while let Some(number) = receiver.recv().await {
            sum += number;
        }
        sum
    })
}
