/// @file
/// `import mio.async;`: coroutines on an event loop per thread.

export module mio.async;

export import mio.time;
export import mio.async.blocking;
export import mio.async.file;
export import mio.async.io;
export import mio.async.loop;
export import mio.async.net;
export import mio.async.sync;
export import mio.async.task;
