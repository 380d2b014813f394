-- title: What a source says of an image beyond its label, split and group: one row an image and name
-- column image_id: the image · no unit · 3205438726766297100
-- column name: the column of the metadata file or table, or the key of the sample · no unit · patient
-- column value: what stands there, as text; empty values have no row · no unit · p017
-- column run_id: run that stored the image · no unit · 20110908T120000Z-0123456789
--
-- `split --group-by NAME` keeps images of one value together, audit split_leak_group looks whether they are.
select
    attribute.image_id,
    attribute.name,
    attribute.value,
    attribute.run_id
from stored_attribute as attribute
