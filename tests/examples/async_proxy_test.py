import support
import tcp_proxy_test


class Proxy(tcp_proxy_test.TcpProxy):
    """It forwards as tcp_proxy does."""

    # Nothing is read from the stream in these states; the idle limit ends the connection.
    unnoticed = ("with_data_that_the_other_side_does_not_read", "after_its_own_end")

    # Without a descriptor for the connection to the target, the client is reset.
    test_out_of_descriptors = None


if __name__ == "__main__":
    support.main()
