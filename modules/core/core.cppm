/// @file
/// Readiness polling: sources, registrations, `Poll`, events, signals, child processes and errors.

export module mio.core;

export import mio.core.error;
export import mio.core.event;
export import mio.core.handle;
export import mio.core.poll;
export import mio.core.process;
export import mio.core.source;
export import mio.core.types;
