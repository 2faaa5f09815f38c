"""Sources of transcripts: a folder of files, the generated sample, and Capital IQ through WRDS."""
