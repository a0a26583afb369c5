# What the library consists of on Unix, besides what it has everywhere.
target_sources(metal-io-mio
    PRIVATE FILE_SET internal_modules FILES
        impl/os/unix/sigpipe.cppm
        impl/os/unix/wakeup.cppm
        impl/net/unix/quiet_write.cppm
    PRIVATE
        impl/net/unix/fd_passing.cpp
        impl/net/unix/pipe.cpp
        # What has several ways of being done.
        impl/net/unix/quiet_write/${MIO_QUIET_WRITE}.cpp
        impl/net/unix/send_file/${MIO_SEND_FILE}.cpp
        impl/net/unix/udp_many/${MIO_UDP_MANY}.cpp
        impl/os/unix/open/${MIO_OPEN}.cpp
        impl/os/unix/sigpipe/${MIO_SIGPIPE}.cpp
        impl/os/unix/wakeup/${MIO_WAKEUP}.cpp
        # What this kind of kernel has or lacks.
        impl/net/${MIO_KERNEL}/fd_room.cpp
        impl/net/${MIO_KERNEL}/offload.cpp
        impl/net/${MIO_KERNEL}/splice.cpp
        impl/net/${MIO_KERNEL}/unix_address.cpp
        # What each system does in its own way.
        impl/net/${MIO_SYSTEM}/peer_credentials.cpp)
