-- A pool that watches all conversations never joins one again that it has done with.
ALTER TABLE claim ADD COLUMN done boolean NOT NULL DEFAULT false;
