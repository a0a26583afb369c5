module mio.net.socket;
