"""`python -m visavis` is the `visavis` command."""

if __name__ == "__main__":
    # Not above: each worker of a server runs this file anew, under another name.
    from visavis.cli.main import main

    main()
