"""Where transcripts come from: a folder of files, the generated sample, Capital IQ through WRDS."""
