module mio.net.address;
