/// @file
/// The backend of `Poll`: poll(2).

export module mio.sys;

export import mio.sys.poll;
export import mio.sys.selector;

export namespace mio::sys {

using native = poll::Selector;

} // namespace mio::sys

export namespace mio {

using backend_traits = sys::BackendTraits<sys::native>;

} // namespace mio
