module mio.sys.iocp;
