import support
import tcp_proxy_test


class Proxy(tcp_proxy_test.TcpProxy):
    """It forwards as tcp_proxy does."""

    # Without a descriptor for the connection to the target, the client is reset.
    test_out_of_descriptors = None


if __name__ == "__main__":
    support.main()
