//! The migrations: each is carried by the program, in order, and each table names its one writer.

use crate::repository::{File, files, hold};

/// The faults of the numbering: `files` by name against what the program carries.
fn order_faults(files: &[File], carried: &[(i64, &str, &str)]) -> Vec<String> {
    let mut faults = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let number = index + 1;
        let parts = file.name().strip_suffix(".sql").and_then(|name| name.split_once('_'));
        let Some((_, name)) = parts.filter(|(digits, _)| *digits == format!("{number:04}")) else {
            faults.push(format!("{}: name it {number:04}_WHAT.sql; versions have no gaps and no doubles", file.path));
            continue;
        };
        if !carried.contains(&(number as i64, name, file.text.as_str())) {
            faults.push(format!("{}: add ({number}, {name:?}, include_str!(…)) to postgres::MIGRATIONS", file.path));
        }
    }
    if carried.len() > files.len() {
        faults.push("postgres::MIGRATIONS: take out what has no file below migrations/".to_owned());
    }
    faults
}

/// The faults of one migration: tables it creates and leaves without a writer.
fn writer_faults(file: &File) -> Vec<String> {
    let bare: Vec<&str> = file.text.lines().map(|line| line.split("--").next().unwrap_or_default()).collect();
    let words: Vec<&str> = bare.iter().flat_map(|line| line.split_whitespace()).collect();
    let sql = words.join(" ").replace("CREATE TABLE IF NOT EXISTS ", "CREATE TABLE ");
    let tables = sql.split("CREATE TABLE ").skip(1).filter_map(|rest| rest.split([' ', '(']).next());
    let silent = tables.filter(|table| !sql.contains(&format!("COMMENT ON TABLE {table} IS 'writer: ")));
    let todo = |table| format!("{}: add COMMENT ON TABLE {table} IS 'writer: …; what a row is'", file.path);
    silent.map(todo).collect()
}

#[test]
fn every_migration_is_carried_by_the_program_in_order() {
    hold(&order_faults(&files("migrations", ".sql"), &postgres::MIGRATIONS));
}

#[test]
fn every_table_names_its_writer() {
    hold(&files("migrations", ".sql").iter().flat_map(writer_faults).collect::<Vec<_>>());
}

#[test]
fn a_gap_an_edit_and_a_table_without_writer_are_found() {
    let file = |name: &str, text: &str| File { path: format!("migrations/{name}"), text: text.to_owned() };
    let carried = [(1, "a", "x"), (2, "b", "y")];
    assert!(order_faults(&[file("0001_a.sql", "x"), file("0002_b.sql", "y")], &carried).is_empty());
    assert_eq!(order_faults(&[file("0001_a.sql", "x"), file("0003_b.sql", "y")], &carried).len(), 1);
    assert_eq!(order_faults(&[file("0001_a.sql", "edited"), file("0002_b.sql", "y")], &carried).len(), 1);
    assert_eq!(order_faults(&[file("0001_a.sql", "x")], &carried).len(), 1);
    let table = "CREATE TABLE a.t (\n  x int -- CREATE TABLE\n);\n";
    assert_eq!(writer_faults(&file("0001_a.sql", table)).len(), 1);
    assert_eq!(writer_faults(&file("0001_a.sql", &format!("{table}COMMENT ON TABLE a.t2 IS 'writer: x';"))).len(), 1);
    assert!(writer_faults(&file("0001_a.sql", &format!("{table}COMMENT ON TABLE a.t IS\n'writer: x';"))).is_empty());
}
