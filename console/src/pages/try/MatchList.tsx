import { Flex, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { Schema } from "../../api/client";
import { FaceImage } from "../../common/FaceImage";
import { ScoreScale } from "../../common/ScoreScale";

type Found = Schema<"FoundPerson">;

interface Properties {
  people: Found[];
  /** Whether they are matches; otherwise they are the next best. */
  areMatches: boolean;
  libraries: Schema<"ShownLibrary">[];
  /** Threshold that counted in a library, 0 to 1. */
  thresholdOf: (libraryId: string) => number;
}

/** People who resemble a face, with the thumbnail of the face that does, and the similarity on the threshold's scale. */
export function MatchList({ people, areMatches, libraries, thresholdOf }: Properties) {
  const { t } = useTranslation("try");
  return (
    <Flex vertical gap={12} component="ul" style={{ listStyle: "none", margin: 0, padding: 0 }}>
      {people.map(({ person, faceId, similarity }) => {
        const name = person.name || person.externalId || t("match.nameless");
        const library = libraries.find(({ id }) => id === person.libraryId);
        const about = [library?.name, person.name ? person.externalId : null].filter(Boolean).join(" · ");
        return (
          <Flex key={`${person.libraryId} ${person.id}`} component="li" gap={12} align="center">
            <FaceImage library={person.libraryId} person={person.id} face={faceId} name={t("match.enrolled", { name })} size={64} />
            <div style={{ flex: 1, minWidth: 0 }}>
              <Link to={`/libraries/${person.libraryId}/people/${person.id}`} style={{ overflowWrap: "anywhere" }}>
                <strong>{name}</strong>
              </Link>
              {about && (
                <Typography.Text type="secondary" ellipsis={{ tooltip: about }} style={{ display: "block" }}>
                  {about}
                </Typography.Text>
              )}
              <ScoreScale
                similarity={similarity}
                threshold={thresholdOf(person.libraryId)}
                isMatch={areMatches}
                isShort
              />
            </div>
          </Flex>
        );
      })}
    </Flex>
  );
}
