/// @file
/// Readiness polling: sources, registrations, `Poll`, events and errors.

export module mio.core;

export import mio.core.error;
export import mio.core.event;
export import mio.core.handle;
export import mio.core.poll;
export import mio.core.source;
export import mio.core.types;
