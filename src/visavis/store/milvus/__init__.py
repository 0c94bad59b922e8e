"""A store in a Milvus server: for galleries that outgrow one machine (extra `cluster`)."""
