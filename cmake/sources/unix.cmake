# Sources of the library that only POSIX systems use.
target_sources(metal-io-mio
    ${mio_internal} FILE_SET internal_modules FILES
        impl/os/unix/fork.cppm
        impl/os/unix/process.cppm
        impl/os/unix/sigpipe.cppm
        impl/os/unix/wakeup.cppm
    PRIVATE
        impl/os/unix/fork.cpp
        impl/net/unix/ancillary.cpp
        impl/net/unix/fd_passing.cpp
        impl/net/unix/peer_credentials.cpp
        impl/net/unix/pipe.cpp
        # Variants of mechanisms; see cmake/Backend.cmake.
        impl/net/unix/send_file/${MIO_SEND_FILE}.cpp
        impl/net/unix/udp_many/${MIO_UDP_MANY}.cpp
        impl/os/unix/open/${MIO_OPEN}.cpp
        impl/os/unix/process/${MIO_PROCESS}.cpp
        impl/os/unix/quiet_write/${MIO_QUIET_WRITE}.cpp
        impl/os/unix/sigpipe/${MIO_SIGPIPE}.cpp
        impl/os/unix/wakeup/${MIO_WAKEUP}.cpp
        impl/net/unix/control_room/${MIO_CONTROL_ROOM}.cpp
        impl/net/unix/splice/${MIO_SPLICE}.cpp)
