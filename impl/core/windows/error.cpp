module mio.core.error;
