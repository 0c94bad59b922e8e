/** What the HTTP API sends, as the page reads it: types alone, no browser loads this. */

/**
 * @typedef {object} ImageRecord
 * @property {string} id
 * @property {string} uri
 * @property {Record<string, string|number|boolean>} fields
 * @property {number} width
 * @property {number} height
 * @property {number} size bytes; -1 when nobody knows
 * @property {number} modified seconds since the epoch
 * @property {string} [title] what people call it
 * @property {string} thumbnail
 * @property {string} file
 * @property {number} [score]
 * @property {"exact"|"near_duplicate"|"variant"|"similar"|"other"} [relation] to the picture that was asked with
 * @property {[number, number, number, number]} [box] where in it that lies which was found; left, top, right, bottom
 * @property {[number, number, number, number]} [query_box] where that lies in the picture that was asked with
 * @property {string[]} [why] of words: the fields that have them, and "looks"
 *
 * @typedef {object} Info
 * @property {number} records
 * @property {string} model
 * @property {boolean} text whether the model reads words
 * @property {string[]} text_models models that do, when this one does not
 * @property {number} classes how many classes it tells
 * @property {boolean} class_search whether a search can ask for them
 * @property {"classes"|"words"|null} tags what its tags are
 * @property {boolean} tagged whether the records have the field of tags that visavis writes
 * @property {boolean} colours whether the index holds the colours of its pictures
 * @property {boolean} subjects whether parts that stand out are offered
 * @property {number} concepts
 * @property {boolean} read_only whether nobody may write
 * @property {boolean} allow_urls
 * @property {number} max_upload_bytes
 *
 * @typedef {object} Field
 * @property {string} name
 * @property {"text"|"number"|"date"|"mixed"} type
 * @property {number} count
 * @property {number} distinct
 * @property {{value: string|number|boolean, count: number}[]} [values]
 * @property {number} [min]
 * @property {number} [max]
 *
 * @typedef {object} Answer
 * @property {ImageRecord[]} results
 * @property {number} total_searched
 * @property {number} [total_matching]
 * @property {string} [reason]
 * @property {string} [verdict] the best relation, or "none"
 * @property {number} [similar_from] the score from which on they are alike
 * @property {string[]} [notes]
 *
 * @typedef {{name: string, score: number}} Tag
 */

export {};
