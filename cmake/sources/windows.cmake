# Sources of the library that only Windows uses.
target_sources(metal-io-mio
    ${mio_internal} FILE_SET internal_modules FILES
        impl/os/windows/kernel_handle.cppm
        impl/os/windows/winsock.cppm
    PRIVATE
        impl/net/windows/ancillary.cpp
        impl/net/windows/named_pipe.cpp
        impl/net/windows/peer_credentials.cpp
        impl/net/windows/udp_many.cpp
        impl/os/windows/kernel_handle.cpp
        impl/os/windows/open.cpp
        impl/os/windows/winsock.cpp)

# WIN32_LEAN_AND_MEAN omits Winsock 1, which conflicts with Winsock 2. NOMINMAX omits the macros min and max.
set(mio_definitions WIN32_LEAN_AND_MEAN NOMINMAX)
target_link_libraries(metal-io-mio PUBLIC ws2_32 iphlpapi ntdll)
