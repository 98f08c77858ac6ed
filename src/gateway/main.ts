/** The gateway's composition root. */
process.stdout.write("gateway\n");
