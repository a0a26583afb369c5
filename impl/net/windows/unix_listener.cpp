module mio.net.local;
