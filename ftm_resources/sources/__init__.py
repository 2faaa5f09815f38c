"""Where transcripts come from: a folder of files, the generated sample, later Capital IQ through WRDS."""
