module mio.net.sockaddr;
