/// @file
/// Polling for readiness: what to wait for, where to wait, and what was seen.

export module mio.core;

export import mio.core.error;
export import mio.core.event;
export import mio.core.handle;
export import mio.core.poll;
export import mio.core.source;
export import mio.core.types;
