import { Button, Col, Flex, Row } from "antd";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { Link, useParams } from "react-router";
import { api, queries, type Schema } from "../../api/client";
import { Failure } from "../../api/failure";
import { Page } from "../../common/Page";
import { FailurePanel, Loaded, Waiting } from "../../common/states";
import { FacesSection } from "./FacesSection";
import { nameOf, type Person, placeOf } from "./person";
import { PersonActs } from "./PersonActs";
import { PersonData } from "./PersonData";
import { RecentRecognitions } from "./RecentRecognitions";
import { SimilarPeople } from "./SimilarPeople";

/** A person, with the state that a change must begin from. */
export interface TaggedPerson {
  person: Person;
  etag: string | null;
}

/** One person: faces, data, who is similar, and where the person was recognised. */
export default function PersonPage() {
  const { library = "", person = "" } = useParams();
  const home = queries.useQuery("get", "/libraries/{library}", { params: { path: { library } } });
  const query = useQuery({
    queryKey: ["person", library, person],
    queryFn: async ({ signal }): Promise<TaggedPerson> => {
      const { data, response } = await api.GET("/libraries/{library}/people/{person}", { ...placeOf(library, person), signal });
      return { person: data as Person, etag: response.headers.get("ETag") };
    },
  });
  const failure = home.error ?? (isGone(query.error) || !query.data ? query.error : null);
  if (failure) return <NotShown library={library} failure={failure} onRetry={() => void Promise.all([home.refetch(), query.refetch()])} />;
  if (!home.data || !query.data) return <Waiting />;
  return <Shown key={person} library={home.data} tagged={query.data} />;
}

function isGone(error: unknown): boolean {
  return error instanceof Failure && error.status === 404;
}

function NotShown({ library, failure, onRetry }: { library: string; failure: unknown; onRetry: () => void }) {
  const { t } = useTranslation("people");
  return (
    <Page title={t("title")}>
      <FailurePanel failure={failure} onRetry={onRetry} />
      <Link to={`/libraries/${library}`}>
        <Button>{t("person.back")}</Button>
      </Link>
    </Page>
  );
}

function Shown({ library, tagged }: { library: Schema<"ShownLibrary">; tagged: TaggedPerson }) {
  const { t } = useTranslation("people");
  const { person } = tagged;
  const numbers = queries.useQuery("get", "/libraries/{library}/statistics", { params: { path: { library: library.id } } });
  const about = (
    <Flex gap={8} wrap component="span">
      <Link to={`/libraries/${library.id}`} style={{ overflowWrap: "anywhere" }}>
        {library.name}
      </Link>
      <span className="number">{t("person.id", { id: person.id })}</span>
    </Flex>
  );
  return (
    <Page
      title={nameOf(person)}
      about={about}
      actions={<PersonActs library={library} person={person} threshold={numbers.data?.threshold} />}
    >
      <Row gutter={[16, 16]}>
        <Col xs={24} xl={14}>
          <Flex vertical gap={16}>
            <FacesSection library={library} person={person} />
            <Loaded query={numbers}>
              {({ threshold }) => <SimilarPeople library={library} person={person} threshold={threshold} />}
            </Loaded>
          </Flex>
        </Col>
        <Col xs={24} xl={10}>
          <Flex vertical gap={16}>
            <PersonData library={library} tagged={tagged} />
            <RecentRecognitions library={library} person={person} />
          </Flex>
        </Col>
      </Row>
    </Page>
  );
}
