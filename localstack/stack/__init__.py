"""The local stack: an emulator of AWS, with GlobalMart deployed to it."""
