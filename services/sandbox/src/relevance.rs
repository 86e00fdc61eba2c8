//! How well a remembered text fits a query: the share of the query's words that it has. Stands in for an embedding.

/// Between 0.3, no word in common, and 1: a vector search finds something near everything.
pub(crate) fn score(query: &str, text: &str) -> f64 {
    let (wanted, given) = (words(query), words(text));
    let found = wanted.iter().filter(|word| given.contains(word)).count();
    0.3 + 0.7 * found as f64 / wanted.len().max(1) as f64
}

fn words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_words_in_common_fit_better() {
        assert_eq!(score("prefers mornings", "Prefers mornings."), 1.0);
        assert!(score("prefers mornings", "mornings") > score("prefers mornings", "a dog"));
        assert_eq!(score("", "a dog"), 0.3);
    }
}
