module mio.net.udp;
