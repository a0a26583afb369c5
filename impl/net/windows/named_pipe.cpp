module mio.net.named_pipe;
