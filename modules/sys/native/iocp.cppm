/// @file
/// The backend of `Poll`: a completion port.

export module mio.sys;

export import mio.sys.iocp;
export import mio.sys.selector;
export import mio.sys.waitable;

export namespace mio::sys {

using native = iocp::Selector;

} // namespace mio::sys

export namespace mio {

using backend_traits = sys::BackendTraits<sys::native>;

} // namespace mio
