"""What `bench.measures.peers` has Spark do: a stream of files of events to Parquet, each id once. Run by a Python that has pyspark."""

import json
import sys
import time
from pathlib import Path

from pyspark.sql import SparkSession


def main(folder: Path) -> None:
    """Warm up with one folder of files, measure another, and print how long it took."""
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.driver.memory", "2g")
        .config("spark.sql.session.timeZone", "UTC")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    schema = spark.read.json(str(folder / "warm")).schema

    def once(name: str) -> None:
        events = spark.readStream.schema(schema).option("maxFilesPerTrigger", 10).json(str(folder / name))
        rows = events.withColumn("timestamp", events["timestamp"].cast("timestamp")).dropDuplicates(["event_id"])
        writing = rows.writeStream.format("parquet").option("checkpointLocation", str(folder / f"{name}-state"))
        writing.trigger(availableNow=True).start(str(folder / f"{name}-rows")).awaitTermination()

    once("warm")
    began = time.perf_counter()
    once("events")
    seconds = time.perf_counter() - began
    rows = spark.read.parquet(str(folder / "events-rows")).count()
    spark.stop()
    print(json.dumps({"seconds": round(seconds, 2), "rows": rows}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
