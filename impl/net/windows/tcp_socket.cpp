module mio.net.tcp;
