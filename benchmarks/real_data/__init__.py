"""What the likelihoods and the imputation are worth on real data, as tables for the documents."""
