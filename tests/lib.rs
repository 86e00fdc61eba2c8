//! Nothing of its own: this package holds the tests that cross services (`journeys`) and those of the house rules (`house`).
