-- title: Decisions as they were given, by their pixels: what stands against them, and what they would do
--
-- Reads `given`: line, image_id, pixel_hash, action, value, other_id, other_hash, note. One row a
-- line, in their order. `problem` says why it cannot be meant; of all others, `is_new` says that no
-- earlier line says the same, and `against` lists the earlier lines that it contradicts.
with named as materialized (
    select
        given.line,
        given.action,
        given.note,
        given.image_id as given_id,
        given.other_id,
        given.value as given_value,
        image.label,
        image.pixel_hash is not null as is_there,
        other.pixel_hash is not null as is_other_there,
        coalesce(image.pixel_hash, given.pixel_hash) as pixel_hash,
        case
            when given.action = 'not_duplicate' then coalesce(other.pixel_hash, given.other_hash)
            else given.value
        end as value,
        case
            when given.pixel_hash <> image.pixel_hash
            then 'image ' || given.image_id || ' has the pixel_hash ' || image.pixel_hash || ' here'
            when image.pixel_hash is null and given.pixel_hash is null
            then 'there is no image ' || given.image_id || ' in the store'
            when given.other_id is not null and other.pixel_hash is null
            then 'there is no image ' || given.other_id || ' in the store'
            when given.action = 'not_duplicate'
            and coalesce(other.pixel_hash, given.other_hash)
            = coalesce(image.pixel_hash, given.pixel_hash)
            then 'its two pictures have equal pixels, so they are one picture'
        end as problem
    from given
    left join image on image.image_id = given.image_id
    left join image as other on other.image_id = given.other_id
),

-- What each is about: a picture, a pair in the order of its hashes (of one alone the second is
-- empty), or, of kind back, all pairs that name a picture.
keyed as materialized (
    select
        named.line,
        named.action,
        named.pixel_hash,
        named.note,
        coalesce(named.value, '') as value,
        case
            when named.action = 'not_duplicate' then 'pair'
            when named.action = 'keep' and named.value is not null then 'back'
            else 'picture'
        end as kind,
        case
            when named.action = 'not_duplicate' then least(named.pixel_hash, named.value)
            else named.pixel_hash
        end as first_hash,
        case
            when named.action = 'not_duplicate' and named.value is not null
            then greatest(named.pixel_hash, named.value)
            else ''
        end as second_hash
    from named
    where named.problem is null
),

about as materialized (
    select
        keyed.line,
        keyed.kind,
        keyed.first_hash as pixel_hash
    from keyed
    union all
    select
        keyed.line,
        keyed.kind,
        keyed.second_hash as pixel_hash
    from keyed
    where keyed.second_hash <> ''
),

first_about as (
    select
        about.kind,
        about.pixel_hash,
        min(about.line) as line
    from about
    group by about.kind, about.pixel_hash
),

contradiction as (
    select
        about.line,
        string_agg(cast(earlier.line as varchar), ',' order by about.pixel_hash) as against
    from about
    inner join first_about
        on first_about.pixel_hash = about.pixel_hash
        and first_about.line < about.line
        and first_about.kind
        = case about.kind when 'pair' then 'back' when 'back' then 'pair' else 'picture' end
    inner join keyed on keyed.line = about.line
    inner join keyed as earlier on earlier.line = first_about.line
    where about.kind <> 'picture'
        or keyed.action <> earlier.action
        or keyed.value <> earlier.value
    group by about.line
),

known as (
    select
        decision.action,
        decision.note,
        coalesce(decision.value, '') as value,
        case when decision.lane = 'picture' then 'picture' else 'pair' end as kind,
        case
            when decision.action = 'not_duplicate' then least(decision.pixel_hash, decision.value)
            else decision.pixel_hash
        end as first_hash,
        case
            when decision.action = 'not_duplicate' and decision.value is not null
            then greatest(decision.pixel_hash, decision.value)
            else ''
        end as second_hash
    from decision
    where decision.is_current and (decision.lane = 'picture' or decision.action <> 'keep')
),

known_of_pair as (
    select known.first_hash as pixel_hash
    from known
    where known.kind = 'pair'
    union
    select known.second_hash as pixel_hash
    from known
    where known.kind = 'pair'
),

effect as (
    select
        keyed.line,
        row_number() over (
            partition by keyed.kind, keyed.first_hash, keyed.second_hash order by keyed.line
        ) = 1 as is_new,
        case
            when keyed.kind = 'back' and known_of_pair.pixel_hash is not null
            then 'replaces not_duplicate'
            when keyed.kind = 'back' then 'no change'
            when known.action is null then 'new'
            when known.action <> keyed.action
            or (keyed.kind = 'picture' and known.value <> keyed.value)
            then 'replaces ' || known.action
            when keyed.note is null or keyed.note = known.note then 'no change'
            else 'new note'
        end as effect
    from keyed
    left join known
        on known.kind = keyed.kind
        and known.first_hash = keyed.first_hash
        and known.second_hash = keyed.second_hash
    left join known_of_pair on known_of_pair.pixel_hash = keyed.pixel_hash
),

wanted as (
    select distinct keyed.pixel_hash
    from keyed
),

picture as (
    select
        image.pixel_hash,
        count(*) as images,
        arg_min(image.image_id, image.ingest_order) as image_id,
        arg_min(image.label, image.ingest_order) as label
    from ordered_image as image
    inner join wanted on wanted.pixel_hash = image.pixel_hash
    group by image.pixel_hash
)

select
    named.line,
    named.problem,
    contradiction.against,
    effect.is_new,
    named.given_id,
    named.is_there,
    named.other_id,
    named.is_other_there,
    named.given_value,
    case
        when named.is_there then named.given_id
        else coalesce(picture.image_id, named.given_id)
    end as image_id,
    named.pixel_hash,
    case when named.is_there then named.label else picture.label end as label,
    named.action,
    named.value,
    named.note,
    coalesce(picture.images, 0) as images,
    effect.effect
from named
left join contradiction on contradiction.line = named.line
left join effect on effect.line = named.line
left join picture on picture.pixel_hash = named.pixel_hash
order by named.line
