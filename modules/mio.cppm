/// @file
/// `import mio;`: everything a user of the library needs.

export module mio;

export import mio.core;
export import mio.net;
export import mio.sys;
