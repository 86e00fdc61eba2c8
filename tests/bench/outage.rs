//! What a read costs while Redis is away, beside the load alone.

use std::time::Instant;

use cache::Loaded;
use testkit::{World, until};

use crate::{
    cache::{Item, Plain, Text, cache, text},
    figures::{Figures, title},
};

const READS: u64 = 2_000;

pub(crate) async fn run(world: &mut World) {
    title(
        "Redis is frozen, then killed: a read of a new key, and of a known one; x = its load alone (a Postgres query)",
    );
    let cache = cache(world).await;
    for (how, offset) in [("frozen", 2_000_000), ("killed", 3_000_000)] {
        match how {
            "frozen" => world.redis.freeze().expect("Redis can be frozen"),
            _ => world.redis.kill().await.expect("Redis can be killed"),
        }
        until("the cache knows", async || {
            cache.get(&Item::<Plain>::new(offset), || load(world)).await.ok();
            (!cache.is_connected()).then_some(())
        })
        .await;
        let mut alone = Figures::new("load");
        let mut new = Figures::new(format!("cache get, new key, {how}"));
        let mut known = Figures::new(format!("cache get, known key, {how}"));
        for number in 1..READS {
            let begun = Instant::now();
            load(world).await;
            alone.since(begun);
            let begun = Instant::now();
            cache.get(&Item::<Plain>::new(offset + number), || load(world)).await.expect("it can be loaded");
            new.since(begun);
            let begun = Instant::now();
            cache.get(&Item::<Plain>::new(offset + number / 2), || load(world)).await.expect("it can be loaded");
            known.since(begun);
        }
        [&alone, &new, &known].iter().for_each(|figures| figures.print(&alone));
        if how == "frozen" {
            world.redis.thaw().expect("Redis can be thawed");
        }
    }
}

/// The origin: one query.
fn load(world: &World) -> impl Future<Output = Loaded<Text>> + Send + use<> {
    let pool = world.pool.clone();
    async move {
        match sqlx::query("SELECT 1").execute(&pool).await {
            Ok(_) => Loaded::Found(text(512)),
            Err(error) => Loaded::Failed(error.into()),
        }
    }
}
