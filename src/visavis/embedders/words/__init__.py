"""Words as questions: tables of word vectors, their spellings, and networks that read text."""
