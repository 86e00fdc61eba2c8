//! Whether a failed statement failed on its data or on the state of the world.

/// SQLSTATE class 22 (data exception) or 23 (integrity violation): the same data will fail again.
#[must_use]
pub fn is_data_fault(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
}

/// Whether the statement broke the named constraint.
#[must_use]
pub fn is_violation_of(error: &sqlx::Error, constraint: &str) -> bool {
    error.as_database_error().and_then(|error| error.constraint()) == Some(constraint)
}
